;; Uses a handle that it was never given.
(func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
  (call $fields.append (i32.const 1234567) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0)))

;; Hands over a header name that ends beyond its memory.
(func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
  (call $fields.append (call $fields.new) (i32.const 0xfffffff0) (i32.const 4096)
    (i32.const 0) (i32.const 1) (i32.const 0)))

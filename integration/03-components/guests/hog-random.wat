;; Asks for 4 GiB of random bytes.
(func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
  (call $random (i64.const 0xffffffff) (i32.const 0))
  unreachable)

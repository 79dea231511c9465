;; Answers with the JWT-SVID it gets for the audience "test", or with the digit of the error's case.
(import "wasmcloud:identity/store@0.0.1" "get" (func $get (param i32 i32 i32)))
(data (i32.const 1024) "test")
(data (i32.const 1056) "0123456789")
(func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
  (call $forget)
  (call $request.drop (local.get $request))
  (call $get (i32.const 1024) (i32.const 4) (i32.const 16))
  (if (i32.load8_u (i32.const 16))
    (then
      (call $answerWith (local.get $outparam) (i32.add (i32.const 1056) (i32.load8_u (i32.const 20))) (i32.const 1)))
    (else
      (call $answerWith (local.get $outparam) (i32.load (i32.const 24)) (i32.load (i32.const 28))))))

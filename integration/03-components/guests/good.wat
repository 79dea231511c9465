;; Answers "good".
(data (i32.const 1024) "good")
(func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
  (call $forget)
  (call $request.drop (local.get $request))
  (call $answerWith (local.get $outparam) (i32.const 1024) (i32.const 4)))

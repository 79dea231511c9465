;; Answers 200, sends a first piece and traps.
(data (i32.const 1024) "the first piece")
(func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
  (call $put (call $answer (local.get $outparam)) (i32.const 1024) (i32.const 15))
  (call $pollable.block (call $after (i64.const 20000000)))
  unreachable)

;; Waits in the host for an hour.
(func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
  (call $pollable.block (call $after (i64.const 3600000000000)))
  unreachable)

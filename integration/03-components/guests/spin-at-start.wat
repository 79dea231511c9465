;; Never ends its start.
(func $spin (loop $for.ever (br $for.ever)))
(start $spin)
(func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32))

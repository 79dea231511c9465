;; Goes on asking for memory when there is no more.
(func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
  (loop $more
    (drop (memory.grow (i32.const 1)))
    (br $more)))

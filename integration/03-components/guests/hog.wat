;; Takes and touches memory until there is no more, then fails as allocators do.
(func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
  (local $page i32)
  (loop $more
    (local.set $page (memory.grow (i32.const 16)))
    (if (i32.eq (local.get $page) (i32.const -1)) (then unreachable))
    (memory.fill (i32.mul (local.get $page) (i32.const 65536)) (i32.const 1) (i32.const 1048576))
    (br $more)))

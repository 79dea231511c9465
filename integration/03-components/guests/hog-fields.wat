;; Fills the host's memory: many sets of header fields, each as large as it may be.
(data (i32.const 1024) "x")
(func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
  (local $fields i32) (local $count i32)
  (memory.fill (i32.const 65536) (i32.const 97) (i32.const 4000))
  (loop $more
    (local.set $fields (call $fields.new))
    (local.set $count (i32.const 0))
    (loop $longer
      (call $fields.append (local.get $fields) (i32.const 1024) (i32.const 1)
        (i32.const 65536) (i32.const 4000) (i32.const 0))
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (br_if $longer (i32.lt_u (local.get $count) (i32.const 10))))
    (br $more)))

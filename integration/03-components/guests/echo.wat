;; Sends the request body back, piece by piece as it comes.
(func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
  (local $in i32) (local $source i32) (local $stream i32)
  (call $request.consume (local.get $request) (i32.const 0))
  (call $check)
  (local.set $in (i32.load (i32.const 4)))
  (call $in.stream (local.get $in) (i32.const 0))
  (call $check)
  (local.set $source (i32.load (i32.const 4)))
  (local.set $stream (call $answer (local.get $outparam)))
  (block $end
    (loop $next
      (call $forget)
      (call $read (local.get $source) (i64.const 65536) (i32.const 16))
      (if (i32.load8_u (i32.const 16))
        (then
          ;; Closed is the good end, a failed read is none.
          (br_if $end (i32.load8_u (i32.const 20)))
          unreachable))
      (call $put (local.get $stream) (i32.load (i32.const 20)) (i32.load (i32.const 24)))
      (br $next)))
  (call $in.stream.drop (local.get $source))
  (call $in.drop (local.get $in))
  (call $request.drop (local.get $request))
  (call $finish (local.get $stream)))

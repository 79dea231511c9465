;; One guest for many tests: the second character of the path says what it does with the request.
(module
  (import "wasi:http/types@0.2.12" "[method]incoming-request.path-with-query" (func $path (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-request.consume" (func $consume (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]incoming-body.stream" (func $in.stream (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]incoming-request" (func $request.drop (param i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]incoming-body" (func $in.drop (param i32)))
  (import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields.new (result i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-response" (func $response.new (param i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-response.body" (func $response.body (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[static]response-outparam.set"
    (func $outparam.set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-body.write" (func $out.write (param i32 i32)))
  (import "wasi:http/types@0.2.12" "[static]outgoing-body.finish" (func $out.finish (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]input-stream" (func $in.stream.drop (param i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush" (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $out.stream.drop (param i32)))
  (import "wasi:io/error@0.2.12" "[resource-drop]error" (func $error.drop (param i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $pollable.drop (param i32)))
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $after (param i64) (result i32)))
  (import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))
  (import "wasi:cli/exit@0.2.12" "exit" (func $exit (param i32)))
  (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
  (import "wasi:config/store@0.2.0-rc.1" "get" (func $config (param i32 i32 i32)))
  (import "wasi:logging/logging@0.1.0-draft" "log" (func $log (param i32 i32 i32 i32 i32)))

  (memory (export "memory") 8)
  ;; 0 results, 1024 texts, 65536 ... what the host allocates
  (data (i32.const 1024) "greeting")
  (data (i32.const 1040) "a log line\0a")
  (data (i32.const 1056) "0123456789")
  (global $heap (mut i32) (i32.const 65536))
  (global $calls (mut i32) (i32.const 0))

  (func (export "cabi_realloc") (param $old i32) (param $oldSize i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (local.get $at))

  (func $check (if (i32.load8_u (i32.const 0)) (then unreachable)))

  ;; Sets a 200 answer and gives the body.
  (func $answer (param $outparam i32) (result i32)
    (local $response i32)
    (local.set $response (call $response.new (call $fields.new)))
    (call $response.body (local.get $response) (i32.const 0))
    (call $check)
    (call $outparam.set (local.get $outparam) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.load (i32.const 4)))

  (func $open (param $body i32) (result i32)
    (call $out.write (local.get $body) (i32.const 0))
    (call $check)
    (i32.load (i32.const 4)))

  ;; Writes in pieces of 4096.
  (func $writeAll (param $stream i32) (param $at i32) (param $length i32)
    (local $piece i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $length)))
        (local.set $piece (select (local.get $length) (i32.const 4096) (i32.lt_u (local.get $length) (i32.const 4096))))
        (call $write (local.get $stream) (local.get $at) (local.get $piece) (i32.const 0))
        (call $check)
        (local.set $at (i32.add (local.get $at) (local.get $piece)))
        (local.set $length (i32.sub (local.get $length) (local.get $piece)))
        (br $next))))

  (func $close (param $body i32) (param $stream i32)
    (call $out.stream.drop (local.get $stream))
    (call $out.finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $check))

  (func $answerWith (param $outparam i32) (param $at i32) (param $length i32)
    (local $body i32) (local $stream i32)
    (local.set $body (call $answer (local.get $outparam)))
    (local.set $stream (call $open (local.get $body)))
    (call $writeAll (local.get $stream) (local.get $at) (local.get $length))
    (call $close (local.get $body) (local.get $stream)))

  (func $echo (param $request i32) (param $outparam i32)
    (local $in i32) (local $source i32) (local $body i32) (local $stream i32)
    (call $consume (local.get $request) (i32.const 0))
    (call $check)
    (local.set $in (i32.load (i32.const 4)))
    (call $in.stream (local.get $in) (i32.const 0))
    (call $check)
    (local.set $source (i32.load (i32.const 4)))
    (local.set $body (call $answer (local.get $outparam)))
    (local.set $stream (call $open (local.get $body)))
    (block $end
      (loop $next
        (global.set $heap (i32.const 65536))
        (call $read (local.get $source) (i64.const 65536) (i32.const 16))
        (if (i32.load8_u (i32.const 16))
          (then
            ;; closed is the good end; a failure leaves the body unfinished
            (if (i32.eqz (i32.load8_u (i32.const 20))) (then (call $error.drop (i32.load (i32.const 24))) (return)))
            (br $end)))
        (call $writeAll (local.get $stream) (i32.load (i32.const 20)) (i32.load (i32.const 24)))
        (br $next)))
    (call $in.stream.drop (local.get $source))
    (call $in.drop (local.get $in))
    (call $close (local.get $body) (local.get $stream)))

  (func $deeper (param $n i32) (result i32)
    (i32.add (call $deeper (i32.add (local.get $n) (i32.const 1))) (i32.const 1)))

  (func $sleep (param $ns i64)
    (local $pollable i32)
    (local.set $pollable (call $after (local.get $ns)))
    (call $block (local.get $pollable))
    (call $pollable.drop (local.get $pollable)))

  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
    (local $what i32) (local $count i32) (local $body i32) (local $stream i32)
    (global.set $heap (i32.const 65536))
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (call $path (local.get $request) (i32.const 0))
    (local.set $what (i32.load8_u offset=1 (i32.load (i32.const 4))))

    ;; e: the request body comes back
    (if (i32.eq (local.get $what) (i32.const 101))
      (then
        (call $echo (local.get $request) (local.get $outparam))
        (call $request.drop (local.get $request))
        (return)))
    ;; k: keeps the request handle for ever
    (if (i32.ne (local.get $what) (i32.const 107)) (then (call $request.drop (local.get $request))))

    ;; s: spins
    (if (i32.eq (local.get $what) (i32.const 115)) (then (loop $for.ever (br $for.ever))))
    ;; f: spins in a bulk operation
    (if (i32.eq (local.get $what) (i32.const 102))
      (then (loop $for.ever (memory.fill (i32.const 65536) (i32.const 0) (i32.const 400000)) (br $for.ever))))
    ;; m: wants more memory than there is
    (if (i32.eq (local.get $what) (i32.const 109))
      (then
        (loop $more
          (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        unreachable))
    ;; t: traps
    (if (i32.eq (local.get $what) (i32.const 116)) (then unreachable))
    ;; r: recurses
    (if (i32.eq (local.get $what) (i32.const 114)) (then (drop (call $deeper (i32.const 0)))))
    ;; n: no answer
    (if (i32.eq (local.get $what) (i32.const 110)) (then (return)))
    ;; N: no answer, but a log line
    (if (i32.eq (local.get $what) (i32.const 78))
      (then
        (call $log (i32.const 3) (i32.const 1024) (i32.const 8) (i32.const 1040) (i32.const 10))
        (return)))
    ;; o: answers the first call only
    (if (i32.and (i32.eq (local.get $what) (i32.const 111)) (i32.gt_u (global.get $calls) (i32.const 1))) (then (return)))
    ;; h: half an answer
    (if (i32.eq (local.get $what) (i32.const 104))
      (then
        (local.set $stream (call $open (call $answer (local.get $outparam))))
        (call $writeAll (local.get $stream) (i32.const 1024) (i32.const 8))
        (call $sleep (i64.const 1000000))
        (return)))
    ;; x: exits
    (if (i32.eq (local.get $what) (i32.const 120)) (then (call $exit (i32.const 1))))
    ;; z: answers with internal-error
    (if (i32.eq (local.get $what) (i32.const 122))
      (then
        (call $outparam.set (local.get $outparam) (i32.const 1) (i32.const 38)
          (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
        (return)))
    ;; w: waits for 30 ms   W: for an hour
    (if (i32.eq (local.get $what) (i32.const 119)) (then (call $sleep (i64.const 30000000))))
    (if (i32.eq (local.get $what) (i32.const 87)) (then (call $sleep (i64.const 3600000000000))))
    ;; p: a first piece, then waits for an hour
    (if (i32.eq (local.get $what) (i32.const 112))
      (then
        (local.set $stream (call $open (call $answer (local.get $outparam))))
        (call $writeAll (local.get $stream) (i32.const 1056) (i32.const 10))
        (call $sleep (i64.const 3600000000000))
        (return)))
    ;; S: answers, then waits for 1 ms, which may be over by then, and spins
    (if (i32.eq (local.get $what) (i32.const 83))
      (then
        (call $answerWith (local.get $outparam) (i32.const 1056) (i32.const 1))
        (call $sleep (i64.const 1000000))
        (loop $for.ever (br $for.ever))))
    ;; b: 8 MiB
    (if (i32.eq (local.get $what) (i32.const 98))
      (then
        (local.set $body (call $answer (local.get $outparam)))
        (local.set $stream (call $open (local.get $body)))
        (loop $next
          (call $writeAll (local.get $stream) (i32.const 65536) (i32.const 65536))
          (local.set $count (i32.add (local.get $count) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $count) (i32.const 128))))
        (call $close (local.get $body) (local.get $stream))
        (return)))
    ;; l: logs and writes to stdout   L: very often
    (if (i32.or (i32.eq (local.get $what) (i32.const 108)) (i32.eq (local.get $what) (i32.const 76)))
      (then
        (loop $next
          (call $log (i32.const 3) (i32.const 1024) (i32.const 8) (i32.const 1040) (i32.const 10))
          (local.set $count (i32.add (local.get $count) (i32.const 1)))
          (br_if $next (i32.and
            (i32.eq (local.get $what) (i32.const 76))
            (i32.lt_u (local.get $count) (i32.const 100000)))))
        (call $write (call $stdout) (i32.const 1040) (i32.const 11) (i32.const 0))))
    ;; v: how many environment variables there are
    (if (i32.eq (local.get $what) (i32.const 118))
      (then
        (call $environment (i32.const 0))
        (call $answerWith (local.get $outparam) (i32.add (i32.const 1056) (i32.load (i32.const 4))) (i32.const 1))
        (return)))
    ;; c: the value of "greeting"
    (if (i32.eq (local.get $what) (i32.const 99))
      (then
        (call $config (i32.const 1024) (i32.const 8) (i32.const 0))
        (call $check)
        (call $answerWith (local.get $outparam) (i32.load (i32.const 8)) (i32.load (i32.const 12)))
        (return)))
    ;; anything else: how many calls this instance has had, one digit
    (call $answerWith (local.get $outparam)
      (i32.add (i32.const 1056) (i32.rem_u (global.get $calls) (i32.const 10))) (i32.const 1))))

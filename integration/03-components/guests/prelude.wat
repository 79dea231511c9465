;; What every guest starts with. build.ts puts `(module` before it and one guest's text after it.
(import "wasi:http/types@0.2.12" "[method]incoming-request.consume" (func $request.consume (param i32 i32)))
(import "wasi:http/types@0.2.12" "[method]incoming-body.stream" (func $in.stream (param i32 i32)))
(import "wasi:http/types@0.2.12" "[resource-drop]incoming-request" (func $request.drop (param i32)))
(import "wasi:http/types@0.2.12" "[resource-drop]incoming-body" (func $in.drop (param i32)))
(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields.new (result i32)))
(import "wasi:http/types@0.2.12" "[method]fields.append" (func $fields.append (param i32 i32 i32 i32 i32 i32)))
(import "wasi:http/types@0.2.12" "[resource-drop]fields" (func $fields.drop (param i32)))
(import "wasi:http/types@0.2.12" "[constructor]outgoing-response" (func $response.new (param i32) (result i32)))
(import "wasi:http/types@0.2.12" "[method]outgoing-response.body" (func $response.body (param i32 i32)))
(import "wasi:http/types@0.2.12" "[static]response-outparam.set"
  (func $outparam.set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
(import "wasi:http/types@0.2.12" "[method]outgoing-body.write" (func $out.write (param i32 i32)))
(import "wasi:http/types@0.2.12" "[static]outgoing-body.finish" (func $out.finish (param i32 i32 i32 i32)))
(import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
(import "wasi:io/streams@0.2.12" "[resource-drop]input-stream" (func $in.stream.drop (param i32)))
(import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
  (func $write (param i32 i32 i32 i32)))
(import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $out.stream.drop (param i32)))
(import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $pollable.block (param i32)))
(import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $pollable.drop (param i32)))
(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $after (param i64) (result i32)))
(import "wasi:cli/exit@0.2.12" "exit" (func $exit (param i32)))
(import "wasi:random/random@0.2.12" "get-random-bytes" (func $random (param i64 i32)))

;; 0 to 63: results. 1024: texts of the guest. From 65536: what the host allocates, forgotten by `$forget`.
(memory (export "memory") 8)
(global $heap (mut i32) (i32.const 65536))
(func (export "cabi_realloc") (param $old i32) (param $oldSize i32) (param $align i32) (param $size i32) (result i32)
  (local $at i32)
  (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
  (global.set $heap (i32.add (local.get $at) (local.get $size)))
  (local.get $at))
(func $forget (global.set $heap (i32.const 65536)))

;; Ends the guest unless the result at 0 is `ok`.
(func $check (if (i32.load8_u (i32.const 0)) (then unreachable)))

;; Sets a 200 answer, opens its body: the body's handle stays at 56, its stream is the result.
(func $answer (param $outparam i32) (result i32)
  (local $response i32)
  (local.set $response (call $response.new (call $fields.new)))
  (call $response.body (local.get $response) (i32.const 0))
  (call $check)
  (i32.store (i32.const 56) (i32.load (i32.const 4)))
  (call $outparam.set (local.get $outparam) (i32.const 0) (local.get $response)
    (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
  (call $out.write (i32.load (i32.const 56)) (i32.const 0))
  (call $check)
  (i32.load (i32.const 4)))

;; At most 4096 bytes at once.
(func $put (param $stream i32) (param $at i32) (param $length i32)
  (local $piece i32)
  (block $done
    (loop $next
      (br_if $done (i32.eqz (local.get $length)))
      (local.set $piece
        (select (local.get $length) (i32.const 4096) (i32.lt_u (local.get $length) (i32.const 4096))))
      (call $write (local.get $stream) (local.get $at) (local.get $piece) (i32.const 0))
      (call $check)
      (local.set $at (i32.add (local.get $at) (local.get $piece)))
      (local.set $length (i32.sub (local.get $length) (local.get $piece)))
      (br $next))))

(func $finish (param $stream i32)
  (call $out.stream.drop (local.get $stream))
  (call $out.finish (i32.load (i32.const 56)) (i32.const 0) (i32.const 0) (i32.const 0))
  (call $check))

(func $answerWith (param $outparam i32) (param $at i32) (param $length i32)
  (local $stream i32)
  (local.set $stream (call $answer (local.get $outparam)))
  (call $put (local.get $stream) (local.get $at) (local.get $length))
  (call $finish (local.get $stream)))

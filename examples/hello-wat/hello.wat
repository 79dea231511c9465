;; A wasi:http/incoming-handler by hand: 200, text/plain, a short body.
;; It allocates nothing, keeps nothing between requests and drops every handle it was given, so one instance can
;; answer requests for ever and what a benchmark measures is the host.
(module
  (import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields.new (result i32)))
  (import "wasi:http/types@0.2.12" "[method]fields.append"
    (func $fields.append (param $self i32) (param $name i32) (param $nameLength i32) (param $value i32) (param $valueLength i32) (param $result i32)))
  (import "wasi:http/types@0.2.12" "[constructor]outgoing-response" (func $response.new (param $headers i32) (result i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-response.body" (func $response.body (param $self i32) (param $result i32)))
  ;; result<outgoing-response, error-code> flattened: the case, then the joined payload of both.
  (import "wasi:http/types@0.2.12" "[static]response-outparam.set"
    (func $outparam.set (param $self i32) (param $case i32) (param $response i32) (param i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.12" "[method]outgoing-body.write" (func $body.write (param $self i32) (param $result i32)))
  (import "wasi:http/types@0.2.12" "[static]outgoing-body.finish"
    (func $body.finish (param $self i32) (param $hasTrailers i32) (param $trailers i32) (param $result i32)))
  (import "wasi:http/types@0.2.12" "[resource-drop]incoming-request" (func $request.drop (param i32)))
  (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
    (func $stream.write (param $self i32) (param $bytes i32) (param $length i32) (param $result i32)))
  (import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $stream.drop (param i32)))

  (memory (export "memory") 1)
  (data (i32.const 0) "content-type")
  (data (i32.const 16) "text/plain")
  (data (i32.const 32) "hello, wasm\0a")

  ;; Only an error of `finish` could carry text into this memory, and an error ends the call anyway.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)

  ;; Every result goes to the same aligned place: 64 = case (u8), 68 = handle.
  (func $check
    (if (i32.load8_u (i32.const 64)) (then unreachable)))

  (func (export "wasi:http/incoming-handler@0.2.12#handle") (param $request i32) (param $outparam i32)
    (local $headers i32) (local $response i32) (local $body i32) (local $stream i32)
    (call $request.drop (local.get $request))

    (local.set $headers (call $fields.new))
    (call $fields.append (local.get $headers) (i32.const 0) (i32.const 12) (i32.const 16) (i32.const 10) (i32.const 64))
    (call $check)
    (local.set $response (call $response.new (local.get $headers)))
    (call $response.body (local.get $response) (i32.const 64))
    (call $check)
    (local.set $body (i32.load (i32.const 68)))
    (call $outparam.set (local.get $outparam) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))

    (call $body.write (local.get $body) (i32.const 64))
    (call $check)
    (local.set $stream (i32.load (i32.const 68)))
    (call $stream.write (local.get $stream) (i32.const 32) (i32.const 12) (i32.const 64))
    (call $check)
    (call $stream.drop (local.get $stream))
    (call $body.finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 64))
    (call $check)))

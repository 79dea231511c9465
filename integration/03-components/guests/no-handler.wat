;; Handles nothing; a whole module.
(module (func (export "run")) (memory (export "memory") 1))

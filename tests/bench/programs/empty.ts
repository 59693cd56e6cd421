// Nothing: what a compiled program costs before it does anything.

// An empty program: the cost of a compiled program itself.

"""HTTP as every route needs it: the gate, bodies in, answers out, and saying no."""

"""Where readings come from: one module per kind of line, behind one port."""

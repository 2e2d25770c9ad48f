"""What the ``harkara profile`` command does: run vectors, explain frames, write profiles and pages about them."""

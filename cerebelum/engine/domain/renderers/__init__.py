"""What a drawing is turned into: one module for each format, text in and text out."""

"""Who teaches: where a teacher comes from, its codebook, and what it says of a whole corpus."""

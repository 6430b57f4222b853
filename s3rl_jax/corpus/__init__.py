"""A prepared corpus on disk, and what its labels mean."""

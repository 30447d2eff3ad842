"""Studies: from a file to jobs to stored results."""

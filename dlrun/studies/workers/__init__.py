"""Who carries out the jobs of a study."""

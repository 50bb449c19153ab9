"""Results: one folder a run (`store`), and the questions asked of them (`compare`)."""

"""What is kept on disk: results of tasks and records of runs, in SQLite."""

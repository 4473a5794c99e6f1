"""What a run tells of itself: while it goes on, and in a report afterwards."""

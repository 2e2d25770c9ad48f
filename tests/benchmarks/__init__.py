"""The harness itself: that its counts are right and its page and plots say what was measured."""

"""What ``inspect``, ``loss``, ``audit`` and ``compare`` answer, as JSON can hold it; whoever asks is told the same."""

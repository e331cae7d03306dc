"""Files of strangers are decoded in a process of its own each, which the kernel keeps from all else. Linux only."""

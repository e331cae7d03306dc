"""What the commands do where ``--out`` names a folder."""

"""An audit of many rows in parts: each a file that is whole or not there, so that it can be killed and gone on with."""

"""What prompts say: a template and its one placeholder, files of templates, and the built-in ones in other languages."""

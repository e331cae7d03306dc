"""New templates from one: what a language model is asked, who is asked, and what is accepted."""

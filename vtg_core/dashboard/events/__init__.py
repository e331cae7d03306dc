"""What happens when a person does something: one file for each tab. Gradio events; nothing is computed here."""

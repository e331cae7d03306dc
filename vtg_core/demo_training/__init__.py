"""How the demo model learns, is judged and gets its card. Nothing at run time needs it."""

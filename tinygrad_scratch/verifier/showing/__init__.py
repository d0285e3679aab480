"""What a check found, as text, JSON, a page and a picture."""

"""What happens between the top of the atmosphere and the pixels."""

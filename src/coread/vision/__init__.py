"""What is done to pixels: networks, landmarks, measurements. Knows no file format."""

"""Files of images, read without decoding a pixel: their sizes, and what an SVG declares. Any process."""

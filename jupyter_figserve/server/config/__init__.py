"""The settings of the extension as traits, and what is made of them."""

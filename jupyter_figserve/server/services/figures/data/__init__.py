"""The data of figures: from the sandbox, or from the JSON of a JavaScript library. Server process."""

"""The interface in a browser: a server that lets in who has the token, and an application process for each tab."""

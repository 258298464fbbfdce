"""From a folder of HTML and Markdown documents to an index that can be searched. Start with README.md."""

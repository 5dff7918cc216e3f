"""What makes the documents: the parts of docs/reference that come from the code, and the site.

    python -m documents           refresh what docs/reference has of the code
    python -m documents --check   say what isn't fresh, or not explained

A page is written by hand, but for regions such as

    <!-- reference: name perdure.start -->
    …
    <!-- end of reference -->

which hold what the code says: signatures and docstrings, the tree of errors, the parser of the command line. So a page
can be read where it lies, reviewed with the change that it is about, and built by anything that reads Markdown.
"""

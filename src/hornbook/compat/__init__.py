"""Old scripts run again: `hornbook.compat.bert4keras` has the modules and names of bert4keras.

    python -m hornbook.compat script.py [arguments]

runs a script unedited: its `import bert4keras` and `import keras` are answered from here.  In new
code, use the rest of hornbook; nothing of it imports this package.
"""

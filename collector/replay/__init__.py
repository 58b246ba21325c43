"""`manage.py replay_dataset`: recorded bars through the whole data path, compared with the recording bar by bar."""

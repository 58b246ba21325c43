"""From missing slots to filled or dead: claim a batch, run it, settle its rows; free what a lost worker left."""

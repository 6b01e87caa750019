"""The peer: model.predict, as in the tutorial."""

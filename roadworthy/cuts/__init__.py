"""What a power cut leaves: operations on a lane whose disk writes down what it is told, cut at every flush."""

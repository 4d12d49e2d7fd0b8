"""The rows of the compatibility page: a tool, the tested behavior, and the names of the tests."""

SECTIONS = {
    "scikit-learn": {
        "test_estimator_checks.py": [
            ("check_estimator", "All estimators pass scikit-learn's estimator checks.", ["estimator_checks"]),
        ],
        "test_ecosystem.py": [
            (
                "cross_val_score, cross_validate",
                "Folds are stratified. Scores do not depend on the layout of the images. Epochs and "
                "callbacks are kept.",
                [
                    "cross_val_score_stratifies_folds",
                    "cross_val_score_is_the_same_for_all_layouts",
                    "cross_validate_keeps_epochs_and_callbacks",
                ],
            ),
            (
                "cross_val_predict",
                "Probabilities are in the order of the classes.",
                ["cross_val_predict_proba_follows_order_of_classes"],
            ),
            (
                "GridSearchCV, RandomizedSearchCV",
                "Parameters of a pipeline are searched. Processes and threads give the same scores.",
                [
                    "grid_search_over_pipeline",
                    "randomized_search",
                    "search_in_threads_gives_same_scores",
                    "search_in_processes_gives_same_scores",
                ],
            ),
            (
                "HalvingRandomSearchCV",
                "The number of epochs is the resource.",
                ["halving_search_with_epochs_as_resource"],
            ),
            (
                "learning_curve, validation_curve",
                "Scores by number of images, with fit and partial_fit, and by number of epochs.",
                ["learning_curve", "learning_curve_with_partial_fit", "validation_curve_of_epochs"],
            ),
            ("permutation_importance", "Importance of pixels.", ["permutation_importance"]),
            (
                "Scorers and metrics",
                "Scorers that need probabilities work. Confusion matrix and classification report agree with "
                "the score. The ROC curve uses the positive class.",
                [
                    "scorers_that_need_probabilities",
                    "confusion_matrix_and_classification_report_agree_with_score",
                    "roc_curve_of_binary_classifier",
                ],
            ),
            (
                "VotingClassifier, StackingClassifier",
                "Soft voting is the mean of the probabilities. Stacking works with a linear model.",
                [
                    "voting_classifier_averages_probabilities",
                    "voting_classifier_accepts_images",
                    "stacking_classifier",
                ],
            ),
            (
                "Committees of networks",
                "One network is compiled for five networks with different seeds. They can be fitted in "
                "threads, saved and exported.",
                [
                    "committee_averages_probabilities_of_its_networks",
                    "committee_compiles_one_network",
                    "committee_fits_in_threads",
                    "committee_is_stored",
                    "networks_of_committee_are_exported_one_by_one",
                ],
            ),
            (
                "BaggingClassifier, AdaBoostClassifier",
                "Every pipeline gets its own seed. Sample weights are used.",
                ["bagging_classifier_seeds_each_pipeline", "ada_boost_classifier"],
            ),
            (
                "CalibratedClassifierCV",
                "Calibration with folds, sample weights, and a frozen classifier.",
                [
                    "calibrated_classifier_cv",
                    "calibrated_classifier_cv_passes_sample_weight",
                    "calibration_does_not_refit_frozen_estimator",
                ],
            ),
            (
                "CalibratedClassifierCV, temperature scaling",
                "Labels are kept, and the log loss decreases. The result can be saved.",
                ["temperature_scaling"],
            ),
            (
                "Other meta-estimators",
                "OneVsRestClassifier, SelfTrainingClassifier and TunedThresholdClassifierCV.",
                [
                    "one_vs_rest_classifier",
                    "self_training_classifier",
                    "self_training_classifier_on_labels_of_loader",
                    "tuned_threshold_classifier_cv",
                ],
            ),
            (
                "Pipeline",
                "Nested parameters are set. With `memory`, images are transformed once. pandas output of a "
                "step is accepted.",
                [
                    "set_nested_parameters",
                    "pipeline_with_memory_transforms_once",
                    "pandas_output_between_steps",
                    "classifier_accepts_pandas_output_of_previous_step",
                ],
            ),
            (
                "Metadata routing",
                "Sample weights and validation data reach the classifier through pipelines and searches.",
                [
                    "sample_weight_with_step_prefix",
                    "sample_weight_is_routed_through_pipeline",
                    "sample_weight_is_routed_through_search",
                    "pipeline_transforms_validation_data",
                    "cross_validate_transforms_validation_data_in_each_fold",
                ],
            ),
            (
                "clone",
                "All parameters are kept, and fitted attributes are dropped.",
                ["clone_keeps_all_parameters", "clone_drops_fitted_attributes"],
            ),
            (
                "HTML representation",
                "It shows whether a model is fitted, and links to the documentation. It neither imports "
                "TensorFlow nor builds a network.",
                [
                    "html_shows_whether_model_is_fitted",
                    "html_links_to_documentation",
                    "html_does_not_import_tensorflow",
                    "html_and_dir_do_not_build_network",
                ],
            ),
        ],
    },
    "Other packages": {
        "test_third_party.py": [
            (
                "pandas, polars",
                "Frames give the same results as arrays. Column names are checked. Labels can be a Series.",
                [
                    "frames_give_same_results_as_arrays",
                    "feature_names_are_checked",
                    "warns_about_frame_after_fit_on_array",
                    "accepts_series_of_labels",
                ],
            ),
            (
                "OpenML",
                "A frame as fetch_openml returns it: pixels are scaled as 8-bit images, labels are strings.",
                ["openml_frame_is_scaled_as_8_bit_images", "openml_frame_has_string_labels"],
            ),
            (
                "skops",
                "Only types of this package must be trusted. All kinds of parameters are stored.",
                ["skops_trusts_only_types_of_this_package", "skops_stores_all_kinds_of_parameters"],
            ),
            (
                "pickle, joblib, cloudpickle",
                "A loaded classifier predicts the same and continues training.",
                ["loaded_classifier_predicts_and_resumes_training"],
            ),
            ("MLflow", "A pipeline is stored, loaded and served.", ["mlflow_stores_and_serves_pipeline"]),
            (
                "imbalanced-learn",
                "Oversampling in a pipeline, also after ImagePreprocessor, and balanced bagging.",
                [
                    "imbalanced_learn_pipeline_oversamples",
                    "imbalanced_learn_samples_after_image_preprocessor",
                    "imbalanced_learn_balanced_bagging",
                ],
            ),
            (
                "Optuna",
                "A study over parameters of the classifier. OptunaSearchCV. Both also with pruning.",
                [
                    "optuna_search",
                    "optuna_search_cv",
                    "optuna_search_cv_prunes",
                    "optuna_prunes_a_fit",
                    "optuna_prunes_a_cross_validation",
                ],
            ),
            (
                "MAPIE",
                "Conformal prediction sets of a classifier that was fitted on flat rows.",
                [
                    "mapie_conformal_sets",
                    "mapie_accepts_classifier_fitted_on_flat_rows",
                    "mapie_does_not_accept_classifier_fitted_on_images",
                ],
            ),
            (
                "SHAP",
                "Explanations of pixels and of images, and of the Keras model.",
                ["shap_explains_images", "shap_explains_pixels", "shap_explains_keras_model"],
            ),
            ("LIME", "Explanations of images.", ["lime_explains_images"]),
            ("cleanlab", "Wrong labels are found.", ["cleanlab_finds_wrong_labels"]),
            ("skore", "Reports and their checks.", ["skore_reports", "skore_checks_and_html"]),
            ("dask-ml", "HyperbandSearchCV with partial_fit.", ["dask_ml_hyperband"]),
            ("TensorBoard", "The callback logs every epoch.", ["tensorboard_logs_every_epoch"]),
            (
                "TensorFlow SavedModel",
                "The exported model gives the same probabilities.",
                ["exported_saved_model_gives_same_probabilities"],
            ),
        ],
    },
    "PyTorch": {
        "classifier/test_tensors.py": [
            (
                "Tensors",
                "Tensors give the same results as arrays, also with array_api_dispatch.",
                [
                    "tensors_give_same_results_as_arrays",
                    "tensors_are_scored",
                    "tensors_that_record_gradients_say_what_to_do",
                ],
            ),
        ],
    },
    "ONNX": {
        "test_exporting.py": [
            (
                "Networks",
                "Networks of different shapes, with all supported activations and dtypes, give the same "
                "probabilities in ONNX Runtime.",
                [
                    "networks_of_different_shapes",
                    "other_dtypes_are_computed_in_float32",
                    "shipped_digits",
                ],
            ),
            ("Embeddings", "A third output, on request.", ["embeddings_are_a_third_output_on_request"]),
            (
                "Input",
                "The exported graph accepts any number of images, in the layout, dtype and pixel scale of "
                "the training images.",
                [
                    "batches_of_any_size",
                    "input_has_the_fitted_layout",
                    "input_has_the_fitted_dtype",
                    "frames_are_exported_as_rows",
                    "given_max_value_is_exported",
                    "classifier_alone_takes_scaled_images",
                    "passthrough_and_second_preprocessor",
                    "searches_are_exported_as_their_best_estimators",
                    "nested_pipelines",
                    "slices_of_pipelines",
                ],
            ),
            (
                "Labels",
                "Integers, strings and booleans.",
                ["labels_of_different_types", "boolean_labels"],
            ),
            (
                "Files",
                "The file names its origin. An existing file is kept if writing fails. TensorFlow is not "
                "imported.",
                [
                    "metadata_of_the_file",
                    "raises_for_invalid_paths",
                    "existing_file_is_kept_when_writing_fails",
                    "exporting_does_not_import_tensorflow",
                ],
            ),
            (
                "Other estimators",
                "Estimators and steps that cannot be exported raise an error that names the remedy.",
                [
                    "raises_for_other_steps",
                    "raises_for_other_estimators",
                    "raises_for_searches_without_a_best_estimator",
                    "raises_for_unfitted_estimators",
                ],
            ),
        ],
    },
}
